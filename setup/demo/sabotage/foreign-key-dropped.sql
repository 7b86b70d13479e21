-- a foreign key of public.content_interactions is missing
alter table public.content_interactions
    drop constraint content_interactions_image_id_fkey;
